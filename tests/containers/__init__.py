"""The product as it is shipped: images, and the compose file that runs them."""
