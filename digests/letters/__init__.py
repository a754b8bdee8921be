"""A digest written: its figures and texts, and the mail and the chat message that they become."""
