"""Who may upload and who may embed."""
