"""What cannot be a merge: pairs within a session, found anew from all that is stored of it."""
