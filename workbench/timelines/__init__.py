"""One session, draft or approval, with its events in order. Events are shown by their ids, never by their content."""
