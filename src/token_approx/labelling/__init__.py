"""Samples + counter -> records: labelled measurements without their texts."""
