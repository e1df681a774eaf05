"""What a person or CI runs beside the console script."""
