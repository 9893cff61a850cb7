/// What a coordinator demands of a worker's greeting.
package struct HandshakeExpectation: Equatable, Sendable {
    /// Major version of the protocol.
    package var protocolMajor: UInt32
    /// Minor version of the protocol, an upper bound for the one in force.
    package var protocolMinor: UInt32
    /// Build of the worker.
    package var build: String
    /// The run; a worker that was told none may join.
    package var runID: Bytes16

    /// Makes an expectation; versions and build are this build's own unless given.
    package init(
        protocolMajor: UInt32 = ProtocolVersion.major,
        protocolMinor: UInt32 = ProtocolVersion.minor,
        build: String = BuildIdentity.current,
        runID: Bytes16
    ) {
        self.protocolMajor = protocolMajor
        self.protocolMinor = protocolMinor
        self.build = build
        self.runID = runID
    }

    /// Judges a greeting; the first difference, in the order version, build, run, decides.
    package func verdict(on hello: Hello) -> HandshakeVerdict {
        guard hello.protocolMajor == protocolMajor else {
            return .refuse(
                Refusal(
                    code: .protocolVersion,
                    text: "the worker speaks protocol \(hello.protocolMajor)."
                        + "\(hello.protocolMinor), the coordinator \(protocolMajor)."
                        + "\(protocolMinor); install the same release on both"
                )
            )
        }
        guard hello.build == build else {
            return .refuse(
                Refusal(
                    code: .build,
                    text: "the worker is build \(hello.build), the coordinator \(build); rows of "
                        + "different builds may differ, install the same build on both"
                )
            )
        }
        if let wanted = hello.runID, wanted != runID {
            return .refuse(
                Refusal(
                    code: .run,
                    text: "the worker was started for run \(wanted), this coordinator serves run "
                        + "\(runID); check the address or the run directory"
                )
            )
        }
        return .accept(protocolMinor: min(hello.protocolMinor, protocolMinor))
    }
}

/// The outcome of judging a greeting.
package enum HandshakeVerdict: Equatable, Sendable {
    /// Welcome the worker; the minor version is the one in force.
    case accept(protocolMinor: UInt32)
    /// Send the refusal and close.
    case refuse(Refusal)
}
