"""The pages of one session, one draft and one approval."""
