"""Examples that run: the sample web and the demo."""
