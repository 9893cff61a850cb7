import NodeTopology
import Testing

@Suite("Choosing NUMA nodes")
struct NodeSelectionTests {
    /// `count` nodes of four CPUs each; node n has CPUs 4n to 4n+3 and 8 GiB.
    private func machine(nodes count: Int) throws -> FakeMachine {
        let machine = try FakeMachine()
        try machine.setMemory(totalKiB: count * 8 << 20, availableKiB: count * 8 << 20)
        try machine.setOnline(
            nodes: count == 1 ? "0" : "0-\(count - 1)",
            cpus: "0-\(4 * count - 1)"
        )
        for node in 0..<count {
            try machine.addNode(
                node,
                cpus: "\(4 * node)-\(4 * node + 3)",
                memoryKiB: 8 << 20
            )
        }
        return machine
    }

    private func topology(nodes count: Int) throws -> Topology {
        try machine(nodes: count).topology(affinity: Array(0..<4 * count))
    }

    @Test("auto, off and lists are read and written alike")
    func parsing() throws {
        #expect(try NodeSelection(parsing: "auto") == .auto)
        #expect(try NodeSelection(parsing: "off") == .off)
        #expect(try NodeSelection(parsing: "3,0-1") == .nodes([0, 1, 3]))
        for text in ["auto", "off", "0-1,3"] {
            #expect(try NodeSelection(parsing: text).description == text)
        }
    }

    @Test("anything else is refused", arguments: ["", "on", "0-", "1-0", "-1", "0;1", "9999999"])
    func refusals(text: String) {
        #expect(throws: NodeTopologyError.self) { try NodeSelection(parsing: text) }
    }

    @Test("auto gives every node its pinned child, on 1, 2 and 8 nodes", arguments: [1, 2, 8])
    func auto(count: Int) throws {
        let plan = try topology(nodes: count).selecting(.auto).plan()
        #expect(plan.map(\.numaNode) == (0..<count).map { $0 })
        #expect(plan.map(\.cpus) == (0..<count).map { Array(4 * $0..<4 * $0 + 4) })
        #expect(plan.map(\.memoryNode) == (0..<count).map { count == 1 ? nil : $0 })
        #expect(plan.allSatisfy { $0.threads == 4 })
    }

    @Test("off makes one child of all CPUs without a memory policy", arguments: [1, 2, 8])
    func off(count: Int) throws {
        let chosen = try topology(nodes: count).selecting(.off)
        let plan = chosen.plan()
        #expect(plan.count == 1)
        #expect(plan.first?.cpus == Array(0..<4 * count))
        #expect(plan.first?.threads == 4 * count)
        #expect(plan.first?.numaNode == nil && plan.first?.memoryNode == nil)
        #expect(chosen.availableMemoryBytes == count * 8 << 30)
    }

    @Test("a list keeps its nodes and their memory policy")
    func list() throws {
        let plan = try topology(nodes: 8).selecting(.nodes([2, 7])).plan()
        #expect(plan.map(\.numaNode) == [2, 7])
        #expect(plan.map(\.memoryNode) == [2, 7])
        let one = try topology(nodes: 2).selecting(.nodes([1])).plan(childCount: 2)
        #expect(one.map(\.cpus) == [[4, 5], [6, 7]])
        #expect(one.map(\.memoryNode) == [1, 1])
    }

    @Test("a node that is absent, forbidden or of memory alone cannot be chosen")
    func absent() throws {
        let two = try machine(nodes: 2)
        try two.setOnline(nodes: "0-2", cpus: "0-7")
        try two.addNode(2, cpus: "", memoryKiB: 1 << 20)
        let topology = two.topology(affinity: [0, 1, 2, 3])
        for number in [1, 2, 3] {
            #expect(throws: NodeTopologyError.noSuchNode(number: number, usable: [0])) {
                try topology.selecting(.nodes([number]))
            }
        }
    }

    @Test("a control group's CPU set, in both versions, decides which nodes get children")
    func cpusets() throws {
        let unified = try machine(nodes: 8)
        try unified.joinControlGroup("/job")
        try unified.write("6-9,31\n", to: "/sys/fs/cgroup/job/cpuset.cpus.effective")
        let plan = unified.topology(affinity: Array(0..<32)).plan()
        #expect(plan.map(\.numaNode) == [1, 2, 7])
        #expect(plan.map(\.cpus) == [[6, 7], [8, 9], [31]])

        let older = try machine(nodes: 8)
        try older.write("5:cpuset:/slurm/step_0\n", to: "/proc/self/cgroup")
        try older.write(
            "35 31 0:32 / /c rw - cgroup cgroup rw,cpuset\n",
            to: "/proc/self/mountinfo"
        )
        try older.write("4-7\n", to: "/c/slurm/step_0/cpuset.cpus")
        #expect(older.topology(affinity: Array(0..<32)).plan().map(\.numaNode) == [1])
    }

    @Test("CPUs that are offline and nodes without memory are planned around")
    func lopsided() throws {
        let machine = try machine(nodes: 8)
        try machine.setOnline(nodes: "0-7", cpus: "0-3,5,8-31")
        try machine.addNode(2, cpus: "8-11", memoryKiB: 0)
        let plan = machine.topology(affinity: Array(0..<32)).plan()
        #expect(plan.map(\.cpus.count) == [4, 1, 4, 4, 4, 4, 4, 4])
        #expect(plan.map(\.memoryNode) == [0, 1, nil, 3, 4, 5, 6, 7])
    }

    @Test("the report names nodes, limits and processes")
    func report() throws {
        let machine = try machine(nodes: 2)
        try machine.setSiblings("0,2", of: [0, 2])
        try machine.setSiblings("1,3", of: [1, 3])
        try machine.joinControlGroup("/job")
        try machine.write("8589934592\n", to: "/sys/fs/cgroup/job/memory.max")
        try machine.write("300000 100000\n", to: "/sys/fs/cgroup/job/cpu.max")
        let topology = machine.topology(affinity: Array(0..<6))
        let report = topology.report(placements: topology.plan(), memoryBytes: 4 << 30)
        #expect(
            report == """
                machine
                  node 0: CPUs 0-3, 4 threads of 2 cores, memory 8 GiB
                  node 1: CPUs 4-5, 2 cores, memory 8 GiB
                  memory 16 GiB, control group limit 8 GiB
                  CPU quota 3 CPUs
                worker processes
                  process 0: node 0, CPUs 0-3, 1 thread, memory of node 0, at most 2 GiB
                  process 1: node 1, CPUs 4-5, 2 threads, memory of node 1, at most 2 GiB
                """
        )
        let off = try topology.selecting(.off)
        #expect(
            off.report(placements: off.plan(), memoryBytes: 4 << 30).contains(
                "process 0: CPUs 0-5, 3 threads, memory of any node, at most 4 GiB"
            )
        )
    }
}
