"""The ways back after data was lost: which there are, and the commands that take them."""
