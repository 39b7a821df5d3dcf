"""Findings as people read them: figures, the self-contained page, the model card."""
