import Coordinator
import CountBlocks
import DifferentialExpression
import Digests
import Statistics
import Testing

@Suite("What identifies a run")
struct FingerprintTests {
    private typealias Change = (field: String, change: @Sendable (inout AnalysisOptions) -> Void)

    /// A change of every option that can have two values.
    private static let changes: [Change] = [
        ("method", { $0.method = .wilcoxon }),
        ("values", { $0.values = .float32 }),
        ("compatibility", { $0.compatibility = "crispyx-0.0.5" }),
        ("perturbationColumn", { $0.perturbationColumn = "guide" }),
        ("controlLabel", { $0.controlLabel = "GATA1" }),
        ("minimumMean", { $0.minimumMean = 0 }),
        ("maximumIterations", { $0.maximumIterations = 26 }),
        ("tolerance", { $0.tolerance = 1e-7 }),
        ("correction", { $0.correction = .bonferroni }),
        ("foldChangeBase", { $0.foldChangeBase = .ln }),
        ("sizeFactorSource", { $0.sizeFactorSource = .user }),
        ("scaleSizeFactors", { $0.scaleSizeFactors = false }),
        ("tieCorrection", { $0.tieCorrection = false }),
        ("covariates", { $0.covariates = ["batch"] }),
        ("poissonIterations", { $0.poissonIterations = 4 }),
        ("minimumTotalCount", { $0.minimumTotalCount = 2 }),
        ("sizeFactorScope", { $0.sizeFactorScope = .perComparison }),
        ("dispersionMethod", { $0.dispersionMethod = .moments }),
        ("dispersionScope", { $0.dispersionScope = .perComparison }),
        ("shrinkDispersion", { $0.shrinkDispersion = false }),
        ("useMAPDispersion", { $0.useMAPDispersion = false }),
        ("useControlCache", { $0.useControlCache = false }),
        ("freezeControl", { $0.freezeControl = false }),
        ("standardErrorMethod", { $0.standardErrorMethod = .fisher }),
        ("inlineShrinkage", { $0.inlineShrinkage = .apeglm }),
        ("priorScaleScope", { $0.priorScaleScope = .perComparison }),
        ("priorScale", { $0.priorScale = 0.5 }),
        ("filter.minimumCellsExpressed", { $0.filter.minimumCellsExpressed = 1 }),
        ("filter.minimumShareControl", { $0.filter.minimumShareControl = 0.011 }),
        ("filter.minimumSharePerturbed", { $0.filter.minimumSharePerturbed = 0.003 }),
        ("filter.minimumMeanControl", { $0.filter.minimumMeanControl = 0.051 }),
        ("filter.minimumMeanPerturbed", { $0.filter.minimumMeanPerturbed = 0.006 }),
    ]

    @Test("every option changes it, each in another way")
    func options() throws {
        let screen = SmallScreen()
        var seen: [Digest128: String] = [try screen.fingerprint().digest: "nothing"]
        for (field, change) in Self.changes {
            var other = screen
            change(&other.options)
            let previous = seen.updateValue(field, forKey: try other.fingerprint().digest)
            #expect(previous == nil, "\(field) gives what \(previous ?? "") gives")
        }
    }

    @Test("the list of options above is complete")
    func allOptions() {
        func fields(_ value: Any, _ prefix: String) -> [String] {
            Mirror(reflecting: value).children.compactMap { child in
                child.label.map { prefix + $0 }
            }
        }
        let options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "control")
        let expected =
            fields(options, "").filter { $0 != "filter" } + fields(options.filter, "filter.")
        #expect(Set(expected) == Set(Self.changes.map(\.field)))
    }

    @Test("a gene's name or its place changes it")
    func genes() throws {
        let screen = SmallScreen()
        var renamed = screen
        renamed.genes[3] = "G3"
        var exchanged = screen
        exchanged.genes.swapAt(0, 1)
        var moved = screen
        moved.genes[0] = "g0g"
        moved.genes[1] = "1"
        let digests = try [screen, renamed, exchanged, moved].map { try $0.fingerprint().digest }
        #expect(Set(digests).count == 4)
    }

    @Test("a label, the control or the tested perturbations change it")
    func plan() throws {
        let screen = SmallScreen()
        var renamed = screen
        renamed.names[2] = "MYCN"
        var otherControl = screen
        otherControl.control = "GATA1"
        var fewer = screen
        fewer.tested = ["GATA1"]
        var reordered = screen
        reordered.tested = ["MYC", "GATA1"]
        let digests = try [screen, renamed, otherControl, fewer, reordered].map {
            try $0.fingerprint().digest
        }
        #expect(Set(digests).count == 5)
        // The same row against another control is another result.
        var against = screen
        against.tested = ["MYC"]
        var againstOther = against
        againstOther.control = "GATA1"
        #expect(try against.fingerprint() != againstOther.fingerprint())
        var spelledOut = screen
        spelledOut.tested = ["GATA1", "MYC"]
        #expect(try spelledOut.fingerprint() == screen.fingerprint())
    }

    @Test("any count of a labelled cell changes it")
    func counts() throws {
        let screen = SmallScreen()
        let digest = try screen.fingerprint().digest
        for cell in screen.codes.indices where screen.codes[cell] >= 0 {
            for gene in screen.genes.indices {
                var other = screen
                other.counts[cell][gene] += 1
                #expect(try other.fingerprint().digest != digest, "cell \(cell), gene \(gene)")
            }
        }
    }

    @Test("a cell with another label changes it")
    func labels() throws {
        let screen = SmallScreen()
        var other = screen
        other.codes[5] = 2
        #expect(try other.fingerprint().digest != screen.fingerprint().digest)
    }

    @Test("size factors of the user and covariates change it, by name and by byte")
    func extras() throws {
        let screen = SmallScreen()
        let bytes = [UInt8](repeating: 1, count: 96)
        var changed = bytes
        changed[95] ^= 1
        let all: [[(name: String, bytes: [UInt8])]] = [
            [], [("size-factors", bytes)], [("size-factors", changed)], [("covariates", bytes)],
            [("size-factors", bytes), ("covariates", bytes)],
            [("covariates", bytes), ("size-factors", bytes)], [("scanpy-format", [])],
            [("size-factors", Array(bytes.dropLast()))],
        ]
        let digests = try all.map { extras in
            var other = screen
            other.extras = extras
            return try other.fingerprint().digest
        }
        #expect(Set(digests).count == all.count)
    }

    @Test("the content's digest covers labels, genes and counts, and nothing that is asked of them")
    func content() throws {
        let screen = SmallScreen()
        let content = try screen.fingerprint().content
        var same = [screen, screen, screen, screen]
        same[0].options.minimumMean = 0
        same[1].extras = [("covariates", [1])]
        same[2].tested = ["MYC"]
        same[3].slabCells = 2
        for other in same { #expect(try other.fingerprint().content == content) }
        var others = [screen, screen, screen]
        others[0].genes[3] = "G3"
        others[1].names[2] = "MYCN"
        others[2].counts[0][0] += 1
        for other in others { #expect(try other.fingerprint().content != content) }
    }

    @Test("slabs and spilling do not change it", arguments: [1, 2, 7, 12])
    func partition(slabCells: Int) throws {
        let screen = SmallScreen()
        var other = screen
        other.slabCells = slabCells
        other.memoryBytes = slabCells.isMultiple(of: 2) ? 0 : 1 << 20
        #expect(try (other.blocks().bytesSpilled > 0) == slabCells.isMultiple(of: 2))
        #expect(try other.fingerprint() == screen.fingerprint())
    }

    @Test("options travel as JSON with sorted keys, and the text is hexadecimal")
    func forms() throws {
        let fingerprint = try SmallScreen().fingerprint()
        #expect(Digest128(hexadecimal: fingerprint.text) == fingerprint.digest)
        let json = String(decoding: fingerprint.optionsJSON, as: UTF8.self)
        #expect(
            json.hasPrefix(
                #"{"compatibility":"crispyx-0.0.4","controlLabel":"control","correction":"#
            )
        )
    }
}
