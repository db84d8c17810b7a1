"""The commands of `token-approx`: a module each, what they share beside them."""
