"""Texts in Parquet -> the same rows with their estimates, in one process or by Spark."""
