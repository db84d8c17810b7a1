"""Records -> best candidate: splits, candidates, cross-validation, selection, figures."""
