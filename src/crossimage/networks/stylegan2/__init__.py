"""Networks of SinCUT."""
