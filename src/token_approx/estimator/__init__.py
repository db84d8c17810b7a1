"""Features -> tokens, bounds and decisions, with numpy alone; cutting, conversations, shipped models."""
