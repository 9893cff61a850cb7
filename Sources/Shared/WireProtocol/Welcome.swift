/// The coordinator's answer to a worker that it takes: what the run is and how to behave in it.
package struct Welcome: Equatable, Sendable {
    /// Minor version in force: the lower one of both ends.
    package var protocolMinor: UInt32
    /// Names the run.
    package var runID: Bytes16
    /// Fingerprint of the input.
    package var inputFingerprint: Bytes16
    /// Digest of the options that affect results.
    package var optionsDigest: Bytes16
    /// The options as a JSON document in UTF-8.
    package var optionsJSON: [UInt8]
    /// Version of the row schema.
    package var rowSchemaVersion: UInt32
    /// Name of the analysis, such as `nb-glm`.
    package var method: String
    /// Number of genes.
    package var geneCount: UInt32
    /// Length of every row, in bytes.
    package var rowBytes: UInt64
    /// How often both ends send a heartbeat, in milliseconds.
    package var heartbeatMilliseconds: UInt32
    /// After how long without any byte either end gives the other up, in milliseconds.
    package var silenceMilliseconds: UInt32
    /// Row bytes the worker may send before credit returns; at least one row.
    package var rowCreditBytes: UInt64
    /// Everything a fit needs besides the blocks of its lease.
    package var resources: [ResourceDescription]

    /// Makes an answer; the minor version is this build's own unless given.
    package init(
        protocolMinor: UInt32 = ProtocolVersion.minor,
        runID: Bytes16,
        inputFingerprint: Bytes16,
        optionsDigest: Bytes16,
        optionsJSON: [UInt8],
        rowSchemaVersion: UInt32,
        method: String,
        geneCount: UInt32,
        rowBytes: UInt64,
        heartbeatMilliseconds: UInt32,
        silenceMilliseconds: UInt32,
        rowCreditBytes: UInt64,
        resources: [ResourceDescription]
    ) {
        self.protocolMinor = protocolMinor
        self.runID = runID
        self.inputFingerprint = inputFingerprint
        self.optionsDigest = optionsDigest
        self.optionsJSON = optionsJSON
        self.rowSchemaVersion = rowSchemaVersion
        self.method = method
        self.geneCount = geneCount
        self.rowBytes = rowBytes
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.silenceMilliseconds = silenceMilliseconds
        self.rowCreditBytes = rowCreditBytes
        self.resources = resources
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "welcome")
        let longest = ProtocolLimits.intervalMilliseconds
        guard optionsJSON.count <= ProtocolLimits.optionsBytes else {
            throw rules.invalid("options_json", "\(optionsJSON.count) bytes are too many")
        }
        guard String(validating: optionsJSON, as: UTF8.self) != nil else {
            throw rules.invalid("options_json", "not UTF-8")
        }
        try rules.label(method, "method", atMost: ProtocolLimits.methodBytes)
        try rules.number(geneCount, "gene_count", in: 1...ProtocolLimits.genes)
        try rules.number(rowBytes, "row_bytes", in: 1...ProtocolLimits.rowBytes)
        try rules.number(heartbeatMilliseconds, "heartbeat_milliseconds", in: 1...longest)
        try rules.number(
            silenceMilliseconds,
            "silence_milliseconds",
            in: heartbeatMilliseconds...longest
        )
        try rules.number(
            rowCreditBytes,
            "row_credit_bytes",
            in: rowBytes...ProtocolLimits.rowCreditBytes
        )
        try rules.count(resources.count, "resources", atMost: ProtocolLimits.resources)
        for resource in resources {
            try resource.validate(in: "welcome")
        }
        try rules.distinct(resources.map(\.name), "resources")
    }
}
