from torch import nn

from crossimage.networks.layers.containers import NetworkDict


def test_networks_are_looked_up_by_name_and_keep_the_tensor_names_of_a_module_dict() -> None:
    networks = {"a": nn.Conv2d(3, 4, 1), "b": nn.Conv2d(1, 4, 1)}
    typed, plain = NetworkDict(networks), nn.ModuleDict(networks)
    assert typed["b"] is networks["b"]
    assert "a" in typed and "c" not in typed
    assert list(typed.state_dict()) == list(plain.state_dict())
