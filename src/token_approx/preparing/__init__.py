"""Documents -> samples: reading, cleaning and splitting the texts to be labelled."""
