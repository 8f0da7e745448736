import pytest

from crossimage.inference.targets import domain_index


def test_domains_are_found_in_any_case() -> None:
    assert domain_index("SHOES", ("edges", "shoes")) == 1
    with pytest.raises(ValueError, match=r"no domain 'shoe', only .*did you mean 'shoes'"):
        domain_index("shoe", ("edges", "shoes"))
