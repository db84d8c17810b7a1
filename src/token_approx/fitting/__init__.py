"""Records -> winner: splits, candidates, cross-validation, selection, bounds."""
