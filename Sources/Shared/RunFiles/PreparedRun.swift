internal import Digests

/// What a run in array mode is: written last by `prepare`, read by every `fit` and by `merge`.
///
/// Says what a coordinator's welcome and leases would say; the bytes that go with it are in the
/// ``ResourceDirectory``.
package struct PreparedRun: Codable, Equatable, Sendable {
    /// Name of the document in the run directory.
    package static let fileName = "prepared.json"

    /// One perturbation.
    package struct Unit: Codable, Equatable, Sendable {
        /// Its label.
        package var name: String
        /// What its fit costs, in the scheduler's units.
        package var cost: Double

        /// Names a perturbation and its cost.
        package init(name: String, cost: Double) {
            self.name = name
            self.cost = cost
        }
    }

    /// Build whose rows belong into the run.
    package var build: String
    /// The run, hexadecimal.
    package var runID: String
    /// Digest of counts, labels, genes and options, hexadecimal.
    package var fingerprint: String
    /// The options as JSON, as a welcome says them.
    package var options: String
    /// Version of the row schema.
    package var rowSchemaVersion: UInt32
    /// Genes of the screen.
    package var geneCount: Int
    /// Bytes of every row.
    package var rowBytes: Int
    /// Names of the resources that come before any fit.
    package var common: [String]
    /// Digest of the index of resources, hexadecimal.
    package var resources: String
    /// The screen that was read, for reports.
    package var input: String
    /// Where the result is to go.
    package var output: String
    /// The perturbations in the order of the result's rows.
    package var perturbations: [Unit]

    /// Gathers what a run is.
    package init(
        build: String,
        runID: String,
        fingerprint: String,
        options: String,
        rowSchemaVersion: UInt32,
        geneCount: Int,
        rowBytes: Int,
        common: [String],
        resources: String,
        input: String,
        output: String,
        perturbations: [Unit]
    ) {
        self.build = build
        self.runID = runID
        self.fingerprint = fingerprint
        self.options = options
        self.rowSchemaVersion = rowSchemaVersion
        self.geneCount = geneCount
        self.rowBytes = rowBytes
        self.common = common
        self.resources = resources
        self.input = input
        self.output = output
        self.perturbations = perturbations
    }

    /// What makes records of this run's rows recognisable.
    package var seal: SegmentSeal { SegmentSeal(runID: runID, fingerprint: fingerprint) }

    /// Reads the document of a run directory.
    ///
    /// - Throws: ``RunFilesError``: none there, or damaged.
    package static func read(_ directory: String) throws(RunFilesError) -> PreparedRun {
        let path = "\(directory)/\(fileName)"
        guard let run = CheckedDocument<PreparedRun>.decode(try StoredFile.contents(path)) else {
            throw .damaged(path: path, problem: "it is not whole")
        }
        guard run.rowBytes > 0, run.rowBytes <= 1 << 30, run.geneCount > 0,
            run.perturbations.allSatisfy({ $0.cost.isFinite && $0.cost >= 0 })
        else { throw .damaged(path: path, problem: "it contradicts itself") }
        return run
    }

    /// Writes the document; with it the run is prepared.
    ///
    /// - Throws: ``RunFilesError``, or an encoding error for numbers that JSON does not have.
    package func write(_ directory: String) throws {
        try StoredFile.replace(
            Self.fileName,
            in: directory,
            with: try CheckedDocument.encode(self)
        )
    }

    /// Opens the resources that belong to the document.
    ///
    /// - Throws: ``RunFilesError``: nothing there, damaged, or of another run.
    package func openResources(_ directory: String) throws(RunFilesError) -> ResourceDirectory {
        let opened = try ResourceDirectory(directory, runID: runID)
        guard opened.indexDigest == resources else { throw .otherRun(path: directory) }
        return opened
    }
}
