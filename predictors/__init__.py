"""The predictor classes: one file a kind of model. A new kind of model is a new file here."""
