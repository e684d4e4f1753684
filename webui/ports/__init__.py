"""The ports of the site, and the values that cross them."""
