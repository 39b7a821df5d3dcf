"""Fine-tuning of EfficientNet-Lite on labeled photos, cross-validated by group."""
