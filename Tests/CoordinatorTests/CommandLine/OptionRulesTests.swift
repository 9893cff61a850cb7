import Coordinator
import DifferentialExpression
import Testing

@Suite("Which options go together")
struct OptionRulesTests {
    private typealias Change = @Sendable (inout AnalysisOptions) -> Void

    private static func options(_ change: Change) -> AnalysisOptions {
        var options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "")
        change(&options)
        return options
    }

    private static func refusal(
        _ given: Set<String> = [],
        freeze: Bool = false,
        _ change: Change
    ) -> String? {
        OptionRules(options: options(change), given: given, freezeIsAsked: freeze).refusal
    }

    /// The options that lead to each way of fitting, with the names typed for it.
    private static let paths: [(name: String, given: Set<String>, change: Change)] = [
        ("frozen", [], { _ in }),
        ("cached", ["--freeze-control"], { $0.freezeControl = false }),
        ("covariates", ["--covariates"], { $0.covariates = ["batch"] }),
        ("own size factors", ["--size-factor-scope"], { $0.sizeFactorScope = .perComparison }),
        ("no cache", ["--use-control-cache"], { $0.useControlCache = false }),
        (
            "own dispersions", ["--dispersion-scope", "--freeze-control"],
            {
                $0.dispersionScope = .perComparison
                $0.freezeControl = false
            }
        ),
        (
            "unshrunk", ["--shrink-dispersion"],
            {
                $0.shrinkDispersion = false
                $0.freezeControl = false
            }
        ),
        (
            "empirical Bayes", ["--use-map-dispersion"],
            {
                $0.useMAPDispersion = false
                $0.freezeControl = false
            }
        ),
        (
            "inline", ["--lfc-shrinkage-type"],
            {
                $0.inlineShrinkage = .apeglm
                $0.freezeControl = false
            }
        ),
    ]

    @Test("the defaults of every way of fitting pass", arguments: paths.indices)
    func defaults(index: Int) {
        let path = Self.paths[index]
        #expect(Self.refusal(path.given, path.change) == nil, "\(path.name)")
        // What has an effect in every path may be typed in every path.
        let more: Set<String> = ["--min-mu", "--max-iter", "--tol", "--lfc-base", "--size-factors"]
        #expect(Self.refusal(path.given.union(more), path.change) == nil, "\(path.name)")
    }

    @Test(
        "options of the GLM are none of the other tests'",
        arguments: [AnalysisOptions.Method.tTest, .wilcoxon]
    )
    func otherMethods(method: AnalysisOptions.Method) {
        #expect(Self.refusal { $0.method = method } == nil)
        let refusal = Self.refusal(["--tol", "--min-mu"]) { $0.method = method }
        #expect(refusal == "--min-mu is an option of --method nb-glm")
    }

    @Test("freezing excludes what fits or estimates anew for each perturbation")
    func freezing() {
        let excluded: [(String, Change)] = [
            ("--covariates", { $0.covariates = ["batch"] }),
            ("--no-use-control-cache", { $0.useControlCache = false }),
            ("--size-factor-scope per_comparison", { $0.sizeFactorScope = .perComparison }),
            ("--dispersion-scope per_comparison", { $0.dispersionScope = .perComparison }),
            ("--no-shrink-dispersion", { $0.shrinkDispersion = false }),
            ("--no-use-map-dispersion", { $0.useMAPDispersion = false }),
            ("--lfc-shrinkage-type apeglm", { $0.inlineShrinkage = .apeglm }),
        ]
        #expect(Self.refusal(["--freeze-control"], freeze: true) { _ in } == nil)
        for (name, change) in excluded {
            let refusal = Self.refusal(["--freeze-control"], freeze: true, change)
            #expect(refusal?.hasPrefix("--freeze-control on excludes") == true, "\(name)")
            #expect(refusal?.contains(name) == true, "\(name): \(refusal ?? "")")
            // Automatic freezing gives way instead.
            #expect(!Self.options(change).mayFreezeControl, "\(name)")
            #expect(
                Self.refusal {
                    change(&$0)
                    $0.freezeControl = $0.mayFreezeControl
                } == nil
            )
        }
        #expect(Self.options { _ in }.mayFreezeControl)
    }

    @Test("an option without effect in the chosen way of fitting is refused by name")
    func withoutEffect() {
        let cached: Change = { $0.freezeControl = false }
        let full: Change = { $0.covariates = ["batch"] }
        let ownFactors: Change = { $0.sizeFactorScope = .perComparison }
        let unshrunk: Change = {
            $0.freezeControl = false
            $0.shrinkDispersion = false
        }
        let frozen: Change = { _ in }
        let cases: [(option: String, refused: [Change], taken: [Change])] = [
            ("--dispersion-method", [frozen, cached], [full, ownFactors]),
            ("--poisson-init-iter", [frozen, cached], [full, ownFactors]),
            ("--min-total-count", [frozen, cached], [full, ownFactors]),
            ("--se-method", [frozen, full, unshrunk], [cached]),
            ("--dispersion-scope", [full, ownFactors], [frozen, cached]),
            ("--size-factor-method", [ownFactors], [frozen, cached, full]),
            ("--scale-size-factors", [ownFactors], [frozen, cached, full]),
            ("--use-map-dispersion", [unshrunk], [frozen, cached, full]),
        ]
        for (option, refused, taken) in cases {
            for (index, change) in refused.enumerated() {
                let refusal = Self.refusal([option], change)
                #expect(refusal?.hasPrefix(option + " ") == true, "\(option), refused \(index)")
            }
            for (index, change) in taken.enumerated() {
                #expect(Self.refusal([option], change) == nil, "\(option), taken \(index)")
            }
        }
        // Dispersions of each comparison are what a full design estimates anyway.
        #expect(
            Self.refusal(["--dispersion-scope"]) {
                $0.covariates = ["batch"]
                $0.dispersionScope = .perComparison
            } == nil
        )
    }

    @Test("options alone decide how a model is fitted")
    func fitPaths() {
        let expected: [AnalysisOptions.FitPath] = [
            .frozen, .cached, .fullDesign, .fullDesign, .fullDesign, .cached, .cached, .cached,
            .cached,
        ]
        #expect(Self.paths.map { Self.options($0.change).fitPath } == expected)
        // The cache's conditions come before freezing, as in the reference.
        let both = Self.options {
            $0.covariates = ["batch"]
            $0.freezeControl = true
        }
        #expect(both.fitPath == .fullDesign)
        #expect(Self.options { _ in }.usesGlobalDispersion)
        for path in Self.paths.dropFirst(2) {
            #expect(!Self.options(path.change).usesGlobalDispersion || path.name == "inline")
        }
    }
}
