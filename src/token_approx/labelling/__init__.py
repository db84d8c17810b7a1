"""Numbers + provider -> records: labelled measurements without their texts."""
