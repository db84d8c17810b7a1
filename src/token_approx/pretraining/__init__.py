"""Labelled documents -> n-gram tables: pieces with known token counts, a sparse design, a ridge fit."""
