"""Numbers of participants, which crowd platforms pass in the URL of a study."""

from __future__ import annotations

import re

FIELDS = ("PROLIFIC_PID", "workerId", "participant")
"""Names under which crowd platforms pass the number of a participant."""
FORM = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
"""What such numbers look like."""
EXPECTED = "up to 64 letters, digits and . _ @ -"
"""The form in words."""
REFUSED = (
    "is not the number of a participant. Please open the study from the platform's page again; if "
    "that does not help, tell the people who run the study."
)
"""What pages say of another number, after the name under which it was passed."""
