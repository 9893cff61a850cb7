package import CountBlocks
package import Statistics

/// Everything that decides the numbers of a run, and nothing that does not.
///
/// One value drives the command line, the wire, the fingerprint and the result's `uns`. Options that
/// a method does not have stand at their defaults.
package struct AnalysisOptions: Equatable, Sendable, Codable {
    /// The test applied to every (perturbation, gene) pair.
    package enum Method: String, Sendable, CaseIterable, Codable {
        /// Welch's t-test of log-normalised expression.
        case tTest = "t_test"
        /// Wilcoxon's rank-sum test of log-normalised expression.
        case wilcoxon = "wilcoxon"
        /// Negative binomial generalised linear model of counts with a Wald test.
        case nbGLM = "nb_glm"
        /// Shrinkage of the fold changes of an earlier result, reading the counts again.
        case shrinkage = "shrink_lfc"

        /// Whether the input must hold counts.
        package var needsCounts: Bool { self == .nbGLM || self == .shrinkage }
    }

    /// The unit of reported fold changes.
    package enum FoldChangeBase: String, Sendable, CaseIterable, Codable {
        /// log2.
        case log2
        /// Natural logarithm.
        case ln
    }

    /// Where size factors come from.
    package enum SizeFactorSource: String, Sendable, Codable, CaseIterable {
        /// Median of ratios over nonzero counts.
        case sparse
        /// Median of ratios over the genes that every cell expresses.
        case deseq2
        /// Values the user gave, one per cell of the file.
        case user
    }

    /// Which cells a quantity is estimated from.
    package enum Scope: String, Sendable, Codable, CaseIterable {
        /// All cells of the screen, once.
        case global
        /// Control and one perturbation, anew for each.
        case perComparison = "per_comparison"
    }

    /// How the dispersion of one gene in one comparison is estimated from its own counts.
    package enum DispersionMethod: String, Sendable, Codable, CaseIterable {
        /// Method of moments.
        case moments
        /// Cox-Reid adjusted profile likelihood on a grid.
        case coxReid = "cox-reid"
    }

    /// How the standard error is made of the information matrix.
    package enum StandardErrorMethod: String, Sendable, Codable, CaseIterable {
        /// H M H with the expected information M and its ridged inverse H.
        case sandwich
        /// H alone.
        case fisher
    }

    /// Shrinkage of fold changes right after a fit.
    package enum InlineShrinkage: String, Sendable, Codable, CaseIterable {
        /// None.
        case none
        /// Posterior mode under a Cauchy prior.
        case apeglm
    }

    /// What the cells' values are, as the input stores them.
    package enum Values: String, Sendable, Codable {
        /// Counts, of whatever number type.
        case counts
        /// Expression in single precision.
        case float32
        /// Expression in double precision.
        case float64

        /// The kind of blocks that holds them.
        package var blockKind: SegmentHeader.Kind {
            switch self {
            case .counts: .integerCounts
            case .float32: .float32Values
            case .float64: .float64Values
            }
        }
    }

    /// The test.
    package var method: Method
    /// What the cells' values are; known once the input is open.
    package var values: Values
    /// The version of the Python package whose numbers are reproduced.
    package var compatibility: String
    /// Column of `obs` that names each cell's perturbation.
    package var perturbationColumn: String
    /// Label of the control cells.
    package var controlLabel: String
    /// The low-expression filter.
    package var filter: ExpressionFilter
    /// Multiple-testing correction within a perturbation.
    package var correction: MultipleTesting.Method

    /// Whether ties reduce the variance of the rank sum.
    package var tieCorrection: Bool

    /// Columns of `obs` that join the model beside the perturbation.
    package var covariates: [String]
    /// Floor of fitted means, counts.
    package var minimumMean: Double
    /// Largest number of iterations of a fit.
    package var maximumIterations: Int
    /// Convergence threshold of coefficients, natural log.
    package var tolerance: Double
    /// Most iterations with Poisson weights before a full-design fit.
    package var poissonIterations: Int
    /// Smallest sum of a gene's counts over a comparison's cells in a full-design fit.
    package var minimumTotalCount: Double
    /// Unit of the reported fold changes.
    package var foldChangeBase: FoldChangeBase
    /// Where size factors come from.
    package var sizeFactorSource: SizeFactorSource
    /// Which cells size factors are estimated from.
    package var sizeFactorScope: Scope
    /// Whether size factors are divided by their geometric mean.
    package var scaleSizeFactors: Bool
    /// How a gene's own dispersion is estimated.
    package var dispersionMethod: DispersionMethod
    /// Which cells dispersions are estimated from.
    package var dispersionScope: Scope
    /// Whether dispersions are drawn towards their trend.
    package var shrinkDispersion: Bool
    /// Whether they are drawn by maximum a posteriori, else by empirical Bayes on the log scale.
    package var useMAPDispersion: Bool
    /// Whether fits share what was computed once of the control cells.
    package var useControlCache: Bool
    /// Whether intercept and dispersion keep their control values while a perturbation is fitted.
    package var freezeControl: Bool
    /// How the standard error is made of the information matrix.
    package var standardErrorMethod: StandardErrorMethod
    /// Shrinkage of fold changes right after a fit.
    package var inlineShrinkage: InlineShrinkage
    /// Which pairs the prior's scale is estimated from when an earlier result is shrunk.
    package var priorScaleScope: Scope
    /// The prior's scale for every pair of an earlier result, natural log; nil where each row has its
    /// own.
    package var priorScale: Double?

    /// The published package's defaults.
    ///
    /// - Parameters:
    ///   - perturbationColumn: Column of `obs` that names each cell's perturbation.
    ///   - controlLabel: Label of the control cells.
    package init(perturbationColumn: String, controlLabel: String) {
        method = .nbGLM
        values = .counts
        compatibility = "crispyx-0.0.4"
        self.perturbationColumn = perturbationColumn
        self.controlLabel = controlLabel
        filter = ExpressionFilter()
        correction = .benjaminiHochberg
        tieCorrection = true
        covariates = []
        minimumMean = 0.5
        maximumIterations = 25
        tolerance = 1e-6
        poissonIterations = 5
        minimumTotalCount = 1
        foldChangeBase = .log2
        sizeFactorSource = .sparse
        sizeFactorScope = .global
        scaleSizeFactors = true
        dispersionMethod = .coxReid
        dispersionScope = .global
        shrinkDispersion = true
        useMAPDispersion = true
        useControlCache = true
        freezeControl = true
        standardErrorMethod = .sandwich
        inlineShrinkage = .none
        priorScaleScope = .global
        priorScale = nil
    }

    /// The ways through the negative binomial GLM; chosen by options alone.
    package enum FitPath: String, Sendable, Equatable {
        /// Only the effect is fitted; intercept and dispersion keep their control values.
        case frozen
        /// Two-group model whose control part is shared by all fits.
        case cached
        /// The whole design, anew for each comparison.
        case fullDesign = "full_design"
    }

    /// The way that these options lead.
    package var fitPath: FitPath {
        guard useControlCache, covariates.isEmpty, sizeFactorScope == .global else {
            return .fullDesign
        }
        return freezeControl ? .frozen : .cached
    }

    /// Whether freezing the control suits all other options; never depends on the machine.
    package var mayFreezeControl: Bool {
        useControlCache && covariates.isEmpty && sizeFactorScope == .global
            && dispersionScope == .global && shrinkDispersion && useMAPDispersion
            && inlineShrinkage == .none
    }

    /// Whether fits read control cells, which workers then get in pieces.
    package var readsControlCells: Bool {
        switch method {
        case .tTest: false
        case .wilcoxon, .shrinkage: true
        case .nbGLM: fitPath != .frozen
        }
    }

    /// Whether every test of a gene uses one dispersion, estimated from all cells.
    package var usesGlobalDispersion: Bool {
        fitPath != .fullDesign && dispersionScope == .global && shrinkDispersion
            && useMAPDispersion
    }

    /// What a row of the result holds under these options.
    package var rowSchema: RowSchema {
        switch method {
        case .tTest: .tTest
        case .wilcoxon: .wilcoxon
        case .shrinkage: .shrinkage
        case .nbGLM:
            switch fitPath {
            case .frozen: .nbGLM
            case .cached: usesGlobalDispersion ? .nbGLM : .nbGLMOwnDispersions
            case .fullDesign: .nbGLMFullDesign
            }
        }
    }
}
