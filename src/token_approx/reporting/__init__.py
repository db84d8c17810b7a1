"""Champion -> tables, figures, model card and report page."""
