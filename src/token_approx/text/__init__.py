"""Text -> numbers: the features an estimate is made from."""
