/// What a peer of the coordinator does.
package enum WorkerRole: Equatable, Sendable {
    /// Fits perturbations.
    case fitter
    /// Starts fitters on a machine and reports how they ended; gets no leases.
    case supervisor
}

/// A worker's greeting: the first message of every connection.
package struct Hello: Equatable, Sendable {
    /// Major version of the protocol that the worker speaks.
    package var protocolMajor: UInt32
    /// Minor version of the protocol that the worker speaks.
    package var protocolMinor: UInt32
    /// The worker's ``BuildIdentity``.
    package var build: String
    /// What the worker does.
    package var role: WorkerRole
    /// Names the worker process; stays the same when it reconnects.
    package var workerID: Bytes16
    /// Number of earlier connections of this worker process.
    package var incarnation: UInt32
    /// Name of the worker's machine, for people.
    package var host: String
    /// Process id on that machine, for people.
    package var processID: UInt32
    /// Fits that the worker runs at once; at least 1 for a fitter.
    package var threads: UInt32
    /// Memory the worker may use, in bytes; 0 if it does not know.
    package var memoryBytes: UInt64
    /// The NUMA node the worker is bound to, if any.
    package var numaNode: UInt32?
    /// The run the worker was started for, if it was told one.
    package var runID: Bytes16?

    /// Makes a greeting; version and build are this build's own unless given.
    package init(
        protocolMajor: UInt32 = ProtocolVersion.major,
        protocolMinor: UInt32 = ProtocolVersion.minor,
        build: String = BuildIdentity.current,
        role: WorkerRole,
        workerID: Bytes16,
        incarnation: UInt32 = 0,
        host: String,
        processID: UInt32,
        threads: UInt32,
        memoryBytes: UInt64,
        numaNode: UInt32? = nil,
        runID: Bytes16? = nil
    ) {
        self.protocolMajor = protocolMajor
        self.protocolMinor = protocolMinor
        self.build = build
        self.role = role
        self.workerID = workerID
        self.incarnation = incarnation
        self.host = host
        self.processID = processID
        self.threads = threads
        self.memoryBytes = memoryBytes
        self.numaNode = numaNode
        self.runID = runID
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "hello")
        try rules.label(build, "build", atMost: ProtocolLimits.buildBytes)
        // Another major version may give the remaining fields another meaning; they are not read.
        guard protocolMajor == ProtocolVersion.major else { return }
        try rules.label(host, "host", atMost: ProtocolLimits.hostBytes)
        let fewest: UInt32 = role == .fitter ? 1 : 0
        try rules.number(threads, "threads", in: fewest...ProtocolLimits.threads)
        try rules.number(memoryBytes, "memory_bytes", in: 0...ProtocolLimits.memoryBytes)
    }
}
