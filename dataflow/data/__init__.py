"""Where batches come from: photographs, handwritten digits, tokens, noise."""
