"""What labels a sample: one module per provider or tokenizer, all behind `protocol.Counter`."""
