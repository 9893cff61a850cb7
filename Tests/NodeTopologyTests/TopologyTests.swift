import NodeTopology
import Testing

@Suite("Topology of a machine")
struct TopologyTests {
    private func twoNodes() throws -> FakeMachine {
        let machine = try FakeMachine()
        try machine.setMemory(totalKiB: 64 << 20, availableKiB: 60 << 20)
        try machine.setOnline(nodes: "0-1", cpus: "0-7")
        try machine.addNode(0, cpus: "0-3", memoryKiB: 32 << 20)
        try machine.addNode(1, cpus: "4-7", memoryKiB: 32 << 20)
        return machine
    }

    @Test("One node holds every CPU and all memory")
    func oneNode() throws {
        let machine = try FakeMachine()
        try machine.setMemory(totalKiB: 16 << 20, availableKiB: 8 << 20)
        try machine.setOnline(nodes: "0", cpus: "0-1")
        try machine.addNode(0, cpus: "0-1", memoryKiB: 15 << 20)
        let topology = machine.topology(affinity: [0, 1])
        #expect(topology.nodes == [Node(id: 0, cpus: [0, 1], memoryBytes: 15 << 30)])
        #expect(topology.describesNUMA)
        #expect(topology.problems.isEmpty)
        #expect(topology.availableMemoryBytes == 16 << 30)
    }

    @Test("Two nodes keep their own CPUs and memory")
    func two() throws {
        let topology = try twoNodes().topology(affinity: Array(0..<8))
        #expect(topology.nodes.map(\.cpus) == [[0, 1, 2, 3], [4, 5, 6, 7]])
        #expect(topology.nodes.map(\.memoryBytes) == [32 << 30, 32 << 30])
        #expect(topology.computeNodes.count == 2)
    }

    @Test("Eight nodes with gaps in their numbers and split CPU ranges are read")
    func eight() throws {
        let machine = try FakeMachine()
        let ids = [0, 1, 2, 3, 8, 9, 10, 11]
        try machine.setOnline(nodes: "0-3,8-11", cpus: "0-31")
        for (index, id) in ids.enumerated() {
            let first = index * 2
            try machine.addNode(
                id,
                cpus: "\(first)-\(first + 1),\(first + 16)-\(first + 17)",
                memoryKiB: 1 << 20
            )
            for cpu in [first, first + 1] {
                try machine.setSiblings("\(cpu),\(cpu + 16)", of: [cpu, cpu + 16])
            }
        }
        let topology = machine.topology(affinity: Array(0..<32))
        #expect(topology.nodes.map(\.id) == ids)
        #expect(topology.nodes[7].cpus == [14, 15, 30, 31])
        #expect(topology.nodes[7].cores == [[14, 30], [15, 31]])
    }

    @Test("CPUs that are offline or forbidden are left out")
    func offlineAndForbidden() throws {
        let machine = try twoNodes()
        try machine.setOnline(nodes: "0-1", cpus: "0-2,4-7")
        let topology = machine.topology(affinity: [1, 2, 3, 4])
        #expect(topology.nodes.map(\.cpus) == [[1, 2], [4]])
    }

    @Test("A node without allowed CPUs stays as memory but computes nothing")
    func forbiddenNode() throws {
        let topology = try twoNodes().topology(affinity: [5])
        #expect(topology.nodes.count == 2)
        #expect(topology.computeNodes.map(\.id) == [1])
    }

    @Test("The control group's CPU set restricts too, in both versions")
    func cpusets() throws {
        let machine = try twoNodes()
        try machine.joinControlGroup("/job")
        try machine.write("2-5\n", to: "/sys/fs/cgroup/job/cpuset.cpus.effective")
        var topology = machine.topology(affinity: Array(0..<8))
        #expect(topology.nodes.map(\.cpus) == [[2, 3], [4, 5]])

        let older = try twoNodes()
        try older.write("5:cpuset:/job/step\n", to: "/proc/self/cgroup")
        try older.write(
            "35 31 0:32 / /c rw - cgroup cgroup rw,cpuset\n",
            to: "/proc/self/mountinfo"
        )
        try older.write("\n", to: "/c/job/step/cpuset.cpus")
        try older.write("0,7\n", to: "/c/job/cpuset.cpus")
        topology = older.topology(affinity: Array(0..<8))
        #expect(topology.nodes.map(\.cpus) == [[0], [7]])
    }

    @Test("Nodes where this process may not allocate lower the available memory")
    func restrictedMemory() throws {
        let machine = try twoNodes()
        try machine.write("Name:\tx\nMems_allowed_list:\t1\n", to: "/proc/self/status")
        let topology = machine.topology(affinity: Array(0..<8))
        #expect(topology.nodes.map(\.acceptsMemory) == [false, true])
        #expect(topology.availableMemoryBytes == 32 << 30)
    }

    @Test("A node without memory and one without CPUs are told apart")
    func lopsidedNodes() throws {
        let machine = try twoNodes()
        try machine.setOnline(nodes: "0-2", cpus: "0-7")
        try machine.addNode(1, cpus: "4-7", memoryKiB: 0)
        try machine.addNode(2, cpus: "", memoryKiB: 128 << 20)
        let topology = machine.topology(affinity: Array(0..<8))
        #expect(topology.nodes.map(\.acceptsMemory) == [true, false, true])
        #expect(topology.computeNodes.map(\.id) == [0, 1])
        #expect(topology.problems.isEmpty)
    }

    @Test("Without any description of nodes the machine is one node")
    func noNodes() throws {
        let machine = try FakeMachine()
        try machine.setMemory(totalKiB: 2 << 20, availableKiB: 1 << 20)
        let topology = machine.topology(affinity: [0, 3])
        #expect(topology.nodes == [Node(id: 0, cpus: [0, 3], memoryBytes: 2 << 30)])
        #expect(!topology.describesNUMA)
        #expect(topology.problems.isEmpty)
    }

    @Test("Damaged descriptions end in one node and are reported")
    func damaged() throws {
        let machine = try twoNodes()
        try machine.write("4-x\n", to: "/sys/devices/system/node/node1/cpulist")
        let topology = machine.topology(affinity: [0, 1])
        #expect(topology.nodes.map(\.cpus) == [[0, 1]])
        #expect(
            topology.problems == [
                .malformedNumberList(
                    text: "4-x",
                    source: "/sys/devices/system/node/node1/cpulist"
                )
            ]
        )
    }

    @Test("CPUs that belong to no node end in one node and are reported")
    func homelessCPUs() throws {
        let machine = try twoNodes()
        try machine.setOnline(nodes: "0-1", cpus: "0-9")
        let topology = machine.topology(affinity: [8, 9])
        #expect(topology.nodes.map(\.cpus) == [[8, 9]])
        #expect(
            topology.problems == [.noAllowedCPUInAnyNode(source: "/sys/devices/system/node")]
        )
    }

    @Test("The CPU quota is the lowest of nested groups, rounded up, in both versions")
    func quota() throws {
        let machine = try twoNodes()
        try machine.joinControlGroup("/pod/container")
        #expect(machine.topology(affinity: [0]).cpuQuota == nil)
        try machine.write("max 100000\n", to: "/sys/fs/cgroup/pod/container/cpu.max")
        #expect(machine.topology(affinity: [0]).cpuQuota == nil)
        try machine.write("250000 100000\n", to: "/sys/fs/cgroup/pod/cpu.max")
        #expect(machine.topology(affinity: [0]).cpuQuota == 3)

        let older = try twoNodes()
        try older.write("3:cpu,cpuacct:/\n", to: "/proc/self/cgroup")
        try older.write(
            "1 2 0:3 / /c rw - cgroup cgroup rw,cpu,cpuacct\n",
            to: "/proc/self/mountinfo"
        )
        try older.write("-1\n", to: "/c/cpu.cfs_quota_us")
        try older.write("100000\n", to: "/c/cpu.cfs_period_us")
        #expect(older.topology(affinity: [0]).cpuQuota == nil)
        try older.write("200000\n", to: "/c/cpu.cfs_quota_us")
        #expect(older.topology(affinity: [0]).cpuQuota == 2)
    }

    @Test("This machine has a node whose CPUs the kernel allows")
    func real() throws {
        let topology = Topology.discover()
        let allowed = try ThreadPinning.allowedCPUs().get()
        #expect(!topology.computeNodes.isEmpty)
        #expect(Set(topology.nodes.flatMap(\.cpus)).isSubset(of: allowed))
        #expect(topology.availableMemoryBytes > 0)
        #expect(topology.problems.isEmpty)
    }
}
