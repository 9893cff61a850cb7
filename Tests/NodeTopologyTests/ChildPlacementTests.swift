import NodeTopology
import Testing

@Suite("A child's placement as an argument")
struct ChildPlacementTests {
    @Test(
        "A placement survives the way through an argument",
        arguments: [
            ChildPlacement(numaNode: 1, memoryNode: 1, cpus: [4, 5, 6, 9], threads: 3),
            ChildPlacement(numaNode: nil, memoryNode: nil, cpus: [0], threads: 64),
            ChildPlacement(numaNode: 0, memoryNode: nil, cpus: [1500, 3], threads: 1),
        ]
    )
    func roundTrips(placement: ChildPlacement) throws {
        #expect(try ChildPlacement(argument: placement.argument) == placement)
    }

    @Test("The argument reads like what it means")
    func text() {
        let placement = ChildPlacement(numaNode: 1, memoryNode: 1, cpus: [4, 5, 9], threads: 3)
        #expect(placement.argument == "node=1;memory=1;threads=3;cpus=4-5,9")
    }

    @Test(
        "A damaged argument is refused with the reason",
        arguments: [
            ("", "unknown field \"\""),
            ("node", "unknown field \"node\""),
            ("threads=1;cpus=0;color=red", "unknown field \"color=red\""),
            ("threads=1;threads=2;cpus=0", "threads is given twice"),
            ("threads=-1;cpus=0", "threads is not a number in range"),
            ("threads=99999999999;cpus=0", "threads is not a number in range"),
            ("threads=0;cpus=0", "threads is missing or zero"),
            ("cpus=0", "threads is missing or zero"),
            ("threads=1", "cpus is missing or empty"),
        ]
    )
    func refuses(text: String, reason: String) {
        #expect(throws: NodeTopologyError.malformedPlacement(text: text, reason: reason)) {
            try ChildPlacement(argument: text)
        }
    }

    @Test("A damaged list of CPUs is refused as such")
    func refusesList() {
        #expect(throws: NodeTopologyError.malformedNumberList(text: "0-", source: "placement")) {
            try ChildPlacement(argument: "threads=1;cpus=0-")
        }
    }
}
