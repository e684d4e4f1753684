"""What the site needs from outside: ports, and the values that cross them."""
