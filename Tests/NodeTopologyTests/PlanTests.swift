import NodeTopology
import Testing

@Suite("Placing children on nodes")
struct PlanTests {
    private func topology(
        _ nodes: [Node],
        describesNUMA: Bool = true,
        quota: Int? = nil
    ) throws -> Topology {
        Topology(
            nodes: nodes,
            memory: try FakeMachine().memoryLimits(),
            describesNUMA: describesNUMA,
            cpuQuota: quota
        )
    }

    private func twoByFour(quota: Int? = nil) throws -> Topology {
        try topology(
            [
                Node(id: 0, cpus: [0, 1, 2, 3], memoryBytes: 1 << 30),
                Node(id: 1, cpus: [4, 5, 6, 7], memoryBytes: 1 << 30),
            ],
            quota: quota
        )
    }

    @Test("By default each node with CPUs gets one child with all of them")
    func oneEach() throws {
        let plan = try twoByFour().plan()
        #expect(
            plan == [
                ChildPlacement(numaNode: 0, memoryNode: 0, cpus: [0, 1, 2, 3], threads: 4),
                ChildPlacement(numaNode: 1, memoryNode: 1, cpus: [4, 5, 6, 7], threads: 4),
            ]
        )
    }

    @Test("A machine of one node gets one child and no memory policy")
    func single() throws {
        let plan = try topology([Node(id: 0, cpus: [0, 1], memoryBytes: 1 << 30)]).plan()
        #expect(plan == [ChildPlacement(numaNode: 0, memoryNode: nil, cpus: [0, 1], threads: 2)])
    }

    @Test("A machine that describes no nodes names none")
    func noNUMA() throws {
        let plan = try topology(
            [Node(id: 0, cpus: [0, 1], memoryBytes: 1 << 30)],
            describesNUMA: false
        ).plan()
        #expect(plan == [ChildPlacement(numaNode: nil, memoryNode: nil, cpus: [0, 1], threads: 2)])
    }

    @Test("Nodes without CPUs get no child, nodes without memory no memory policy")
    func lopsided() throws {
        let plan = try topology([
            Node(id: 0, cpus: [0, 1], memoryBytes: 0),
            Node(id: 1, cpus: [2], memoryBytes: 1 << 30),
            Node(id: 2, cpus: [], memoryBytes: 1 << 30),
        ]).plan()
        #expect(plan.map(\.numaNode) == [0, 1])
        #expect(plan.map(\.memoryNode) == [nil, 1])
    }

    @Test("More children than nodes are dealt out in turn with CPUs of their own")
    func moreChildren() throws {
        let plan = try twoByFour().plan(childCount: 5)
        #expect(plan.map(\.numaNode) == [0, 1, 0, 1, 0])
        #expect(plan.map(\.cpus) == [[0], [4, 5], [1], [6, 7], [2, 3]])
        #expect(plan.map(\.threads) == [1, 2, 1, 2, 2])
    }

    @Test("Any number of children covers the machine, disjoint while CPUs last")
    func coverage() throws {
        for count in 1...8 {
            let cpus = try twoByFour().plan(childCount: count).flatMap(\.cpus)
            #expect(cpus.sorted() == Array(0..<8), "\(count) children")
        }
    }

    @Test("More children than CPUs share them in turn")
    func crowded() throws {
        let plan = try topology([Node(id: 0, cpus: [0, 1], memoryBytes: 1)]).plan(childCount: 5)
        #expect(plan.map(\.cpus) == [[0], [1], [0], [1], [0]])
        #expect(plan.allSatisfy { $0.threads == 1 })
    }

    @Test("Children on one node split whole cores before they split siblings")
    func siblings() throws {
        let node = Node(
            id: 0,
            cpus: Array(0..<8),
            memoryBytes: 1,
            cores: [[0, 4], [1, 5], [2, 6], [3, 7]]
        )
        #expect(
            try topology([node]).plan(childCount: 2).map(\.cpus) == [[0, 1, 4, 5], [2, 3, 6, 7]]
        )
        let eight = try topology([node]).plan(childCount: 8)
        #expect(eight.map(\.cpus) == [[0], [4], [1], [5], [2], [6], [3], [7]])
    }

    @Test("Fewer children than nodes get neighbouring nodes")
    func fewerChildren() throws {
        let nodes = (0..<8).map { Node(id: $0, cpus: [2 * $0, 2 * $0 + 1], memoryBytes: 1 << 30) }
        let plan = try topology(nodes).plan(childCount: 3)
        #expect(plan.map(\.cpus.count) == [4, 6, 6])
        #expect(plan.allSatisfy { $0.numaNode == nil && $0.memoryNode == nil })
        #expect(plan.flatMap(\.cpus).sorted() == Array(0..<16))
    }

    @Test("A child whose threads fit on one node stays there")
    func staysOnOneNode() throws {
        let plan = try twoByFour().plan(childCount: 1, threads: 3)
        #expect(
            plan == [ChildPlacement(numaNode: 0, memoryNode: 0, cpus: [0, 1, 2, 3], threads: 3)]
        )
        let wide = try twoByFour().plan(childCount: 1, threads: 6)
        #expect(wide.map(\.cpus) == [Array(0..<8)])
        #expect(wide.map(\.numaNode) == [nil])
    }

    @Test("A number of threads that was asked for is kept, even beyond the CPUs")
    func threadsAsAsked() throws {
        #expect(try twoByFour().plan(threads: 9).map(\.threads) == [9, 9])
    }

    @Test("A CPU quota lowers children and threads unless they were asked for")
    func quota() throws {
        #expect(try twoByFour(quota: 1).plan().map(\.threads) == [1])
        #expect(try twoByFour(quota: 3).plan().map(\.threads) == [1, 2])
        #expect(try twoByFour(quota: 64).plan().map(\.threads) == [4, 4])
        #expect(try twoByFour(quota: 3).plan(threads: 4).map(\.threads) == [4, 4])
        #expect(try twoByFour(quota: 1).plan(childCount: 3).map(\.threads) == [1, 1, 1])
    }

    @Test("No children have no places")
    func none() throws {
        #expect(try twoByFour().plan(childCount: 0).isEmpty)
    }
}
