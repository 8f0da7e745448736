"""The processes of a run: how they are launched, communicate, and notice that one is lost."""
