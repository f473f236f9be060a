"""Technologies, their categories and makers: the catalogue that fingerprints bring."""
