"""The async flavour of the testing kit."""
