"""Winner -> tables, figures, model card and report page."""
