"""What the policies that come with the program say of themselves: policies/README.md is written from them."""
