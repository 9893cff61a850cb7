import NodeTopology
import Testing

@Suite("Control groups")
struct ControlGroupsTests {
    @Test("The unified hierarchy is walked from the own group to the mount point")
    func version2() throws {
        let machine = try FakeMachine()
        try machine.joinControlGroup("/system.slice/job.scope")
        let hierarchy = try #require(machine.controlGroups().hierarchy(of: "memory"))
        #expect(hierarchy.version == .v2)
        #expect(
            hierarchy.directories == [
                "/sys/fs/cgroup/system.slice/job.scope", "/sys/fs/cgroup/system.slice",
                "/sys/fs/cgroup",
            ]
        )
    }

    @Test("A controller mounted by version 1 is found beside the unified hierarchy")
    func hybrid() throws {
        let machine = try FakeMachine([
            "/proc/self/cgroup": "4:memory:/slurm/job_7\n3:cpu,cpuacct:/slurm\n0::/init\n",
            "/proc/self/mountinfo": """
            31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
            35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
            36 31 0:33 / /sys/fs/cgroup/cpu\\040time rw - cgroup cgroup rw,cpu,cpuacct
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

            """,
        ])
        let groups = machine.controlGroups()
        let memory = try #require(groups.hierarchy(of: "memory"))
        #expect(memory.version == .v1)
        #expect(memory.directories.first == "/sys/fs/cgroup/memory/slurm/job_7")
        #expect(memory.directories.count == 3)
        #expect(groups.hierarchy(of: "cpu")?.directories.last == "/sys/fs/cgroup/cpu time")
        let cpuset = try #require(groups.hierarchy(of: "cpuset"))
        #expect(cpuset.version == .v2)
        #expect(cpuset.directories == ["/sys/fs/cgroup/unified/init", "/sys/fs/cgroup/unified"])
    }

    @Test("Inside a container the mounted part of the hierarchy stands for the whole")
    func container() throws {
        let machine = try FakeMachine([
            "/proc/self/cgroup": "4:memory:/docker/abc/sub\n3:cpu:/elsewhere\n0::/../outside\n",
            "/proc/self/mountinfo": """
            35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
            36 31 0:33 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu
            37 31 0:34 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw
            """,
        ])
        let groups = machine.controlGroups()
        #expect(
            groups.hierarchy(of: "memory")?.directories
                == ["/sys/fs/cgroup/memory/sub", "/sys/fs/cgroup/memory"]
        )
        #expect(groups.hierarchy(of: "cpu")?.directories == ["/sys/fs/cgroup/cpu"])
        #expect(groups.hierarchy(of: "cpuset")?.directories == ["/sys/fs/cgroup/unified"])
    }

    @Test("A machine without control groups has none, however damaged its files are")
    func absent() throws {
        #expect(try FakeMachine().controlGroups().hierarchy(of: "memory") == nil)
        let damaged = try FakeMachine([
            "/proc/self/cgroup": "nonsense\n:\n", "/proc/self/mountinfo": "1 2 3 -\n- cgroup2\n",
        ])
        #expect(damaged.controlGroups().hierarchy(of: "memory") == nil)
    }
}
