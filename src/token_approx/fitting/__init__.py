"""Records -> champion: splits, candidates, cross-validation, selection, bounds."""
