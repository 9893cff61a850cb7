/// A sign of life with what a worker is doing.
package struct WorkerHeartbeat: Equatable, Sendable {
    /// Perturbations finished since the process started.
    package var finishedPerturbations: UInt64
    /// Perturbations being fitted now.
    package var runningPerturbations: [UInt32]
    /// Memory the process holds, in bytes.
    package var residentBytes: UInt64

    /// Makes a heartbeat.
    package init(
        finishedPerturbations: UInt64,
        runningPerturbations: [UInt32],
        residentBytes: UInt64
    ) {
        self.finishedPerturbations = finishedPerturbations
        self.runningPerturbations = runningPerturbations
        self.residentBytes = residentBytes
    }

    func validate() throws(WireProtocolError) {
        try FieldRules(message: "heartbeat").count(
            runningPerturbations.count,
            "running_perturbations",
            atMost: ProtocolLimits.runningPerturbations
        )
    }
}

/// How a process ended.
package enum ChildStatus: Equatable, Sendable {
    /// It returned or called exit; the code is 0 to 255.
    case exited(code: UInt32)
    /// A signal killed it; the number is 1 to 64.
    case signalled(number: UInt32)
}

/// A supervisor's report of the end of a fitter that it started.
package struct ChildExit: Equatable, Sendable {
    /// The ``Hello/workerID`` of the process that ended.
    package var workerID: Bytes16
    /// What happened, for people.
    package var description: String
    /// What the operating system said.
    package var status: ChildStatus

    /// Makes a report.
    package init(workerID: Bytes16, description: String, status: ChildStatus) {
        self.workerID = workerID
        self.description = description
        self.status = status
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "child_exited")
        try rules.text(description, "description")
        switch status {
        case .exited(let code): try rules.number(code, "exit_code", in: 0...255)
        case .signalled(let number): try rules.number(number, "signal", in: 1...64)
        }
    }
}
