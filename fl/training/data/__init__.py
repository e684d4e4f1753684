"""From folders and files to one hospital's labelled images."""
