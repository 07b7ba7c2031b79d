"""A graph of torch.export whose constants can be replaced: they are inputs of the graph, listed in its signature."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec, TensorArgument
from torch.fx import Graph, Node


class Constants:
    """A copy of a graph, to be changed and read back by :meth:`program`."""

    def __init__(self, program: ExportedProgram) -> None:
        self._given = program
        self._module = copy.deepcopy(program.graph_module)
        self._signature = _renamed(program, self._module.graph)
        self._state = dict(program.state_dict)
        self._constants = dict(program.constants)
        self._made = 0

    @property
    def nodes(self) -> list[Node]:
        """The graph's nodes in order."""
        return list(self._module.graph.nodes)

    def value(self, node: Node) -> Tensor:
        """Returns the value of a constant's node."""
        spec = next(one for one in self._signature.input_specs if one.arg.name == node.name)
        assert spec.target is not None
        value = self._state.get(spec.target, self._constants.get(spec.target))
        assert isinstance(value, Tensor)
        return value.detach()

    def constant(self, value: Tensor, like: Node) -> Node:
        """Returns the node of a new constant; its name is that of the operation ``like`` with a number."""
        self._made += 1
        name = f"folded.{self._made}"
        graph = self._module.graph
        with graph.inserting_before(next(iter(graph.nodes))):
            node: Node = graph.placeholder(f"p_folded_{self._made}")
        mode = like.meta["val"].fake_mode
        parameter = nn.Parameter(value.contiguous(), requires_grad=False)
        node.meta["val"] = mode.from_tensor(parameter, static_shapes=True)
        self._state[name] = parameter
        self._signature.input_specs.insert(
            0, InputSpec(InputKind.PARAMETER, TensorArgument(node.name), name, None)
        )
        return node

    def erase(self, node: Node) -> None:
        """Take out an operation that nothing reads."""
        self._module.graph.erase_node(node)

    def program(self) -> ExportedProgram:
        """Returns the graph without operations and constants that nothing reads."""
        graph = self._module.graph
        graph.eliminate_dead_code()
        kept = []
        nodes = {node.name: node for node in graph.nodes if node.op == "placeholder"}
        for spec in self._signature.input_specs:
            node = nodes.get(spec.arg.name)
            if spec.kind is not InputKind.USER_INPUT and node is not None and not node.users:
                graph.erase_node(node)
                assert spec.target is not None
                self._state.pop(spec.target, None)
                self._constants.pop(spec.target, None)
            else:
                kept.append(spec)
        self._signature.input_specs[:] = kept
        graph.lint()
        self._module.recompile()
        return ExportedProgram(
            root=self._module, graph=graph, graph_signature=self._signature, state_dict=self._state,
            range_constraints=self._given.range_constraints,
            module_call_graph=self._given.module_call_graph,
            example_inputs=self._given.example_inputs, constants=self._constants, verifiers=self._given.verifiers,
        )  # fmt: skip


def _renamed(program: ExportedProgram, copied: Graph) -> ExportGraphSignature:
    """A copy of the signature with the names that a copied graph gives its nodes: not always the old ones."""
    signature: ExportGraphSignature = copy.deepcopy(program.graph_signature)
    names = {old.name: new.name for old, new in zip(program.graph.nodes, copied.nodes, strict=True)}
    arguments = [spec.arg for spec in signature.input_specs] + [spec.arg for spec in signature.output_specs]
    for argument in arguments:
        if isinstance(argument, TensorArgument):
            argument.name = names[argument.name]
    return signature
